/**
 * A drawing context that writes SVG.
 *
 * It has what the drawing functions of the page use of a canvas, so the SVG is drawn by the same code as the screen and
 * cannot differ from it.
 */

/** Text for markup; characters that XML cannot hold are left out. */
export function escaped(words: string): string {
  return words
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "")
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;");
}

/** Two decimals, no exponent; what is no number is 0. */
export const rounded = (value: number): string =>
  Number.isFinite(value) ? String(Math.round(value * 100) / 100 + 0) : "0";

interface Style {
  fillStyle: string;
  strokeStyle: string;
  lineWidth: number;
  globalAlpha: number;
  font: string;
  textAlign: CanvasTextAlign;
  textBaseline: CanvasTextBaseline;
  lineJoin: CanvasLineJoin;
  lineCap: CanvasLineCap;
  dash: string;
  transform: string;
}

/** How far the line of letters stands below the named height, in font sizes. */
const FALL: Partial<Record<CanvasTextBaseline, number>> = { middle: 0.35, top: 0.76, bottom: -0.22 };
const ANCHOR: Partial<Record<CanvasTextAlign, string>> = { center: "middle", right: "end", end: "end" };

export class Markup implements Style {
  fillStyle = "#000";
  strokeStyle = "#000";
  lineWidth = 1;
  globalAlpha = 1;
  font = "10px sans-serif";
  textAlign: CanvasTextAlign = "left";
  textBaseline: CanvasTextBaseline = "alphabetic";
  lineJoin: CanvasLineJoin = "miter";
  lineCap: CanvasLineCap = "butt";
  dash = "";
  transform = "";
  imageSmoothingEnabled = true;
  imageSmoothingQuality: ImageSmoothingQuality = "low";

  readonly parts: string[] = [];
  private path = "";
  private readonly kept: Style[] = [];
  /** Text whose halo was drawn and whose letters follow. */
  private halo: { words: string; stroke: string } | null = null;

  /** `ruler` measures text. */
  constructor(private readonly ruler: CanvasRenderingContext2D) {}

  /** As the context that drawing functions are given. */
  get context(): CanvasRenderingContext2D {
    return this as unknown as CanvasRenderingContext2D;
  }

  save(): void {
    const { fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline } = this;
    const { lineJoin, lineCap, dash, transform } = this;
    this.kept.push({
      ...{ fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline },
      ...{ lineJoin, lineCap, dash, transform },
    });
  }

  restore(): void {
    Object.assign(this, this.kept.pop());
  }

  translate(x: number, y: number): void {
    this.transform += `translate(${rounded(x)} ${rounded(y)})`;
  }

  rotate(angle: number): void {
    this.transform += `rotate(${rounded((angle * 180) / Math.PI)})`;
  }

  setLineDash(dash: number[]): void {
    this.dash = dash.join(" ");
  }

  beginPath(): void {
    this.path = "";
  }

  moveTo(x: number, y: number): void {
    this.path += `M${rounded(x)} ${rounded(y)}`;
  }

  lineTo(x: number, y: number): void {
    this.path += `L${rounded(x)} ${rounded(y)}`;
  }

  bezierCurveTo(ax: number, ay: number, bx: number, by: number, x: number, y: number): void {
    this.path += `C${[ax, ay, bx, by, x, y].map(rounded).join(" ")}`;
  }

  rect(x: number, y: number, width: number, height: number): void {
    this.path += `M${rounded(x)} ${rounded(y)}h${rounded(width)}v${rounded(height)}h${rounded(-width)}z`;
  }

  roundRect(x: number, y: number, width: number, height: number, radius: number): void {
    const r = Math.max(0, Math.min(radius, width / 2, height / 2));
    const arc = (dx: number, dy: number): string =>
      `a${rounded(r)} ${rounded(r)} 0 0 1 ${rounded(dx)} ${rounded(dy)}`;
    this.path +=
      `M${rounded(x + r)} ${rounded(y)}h${rounded(width - 2 * r)}${arc(r, r)}v${rounded(height - 2 * r)}${arc(-r, r)}` +
      `h${rounded(2 * r - width)}${arc(-r, -r)}v${rounded(2 * r - height)}${arc(r, -r)}z`;
  }

  fill(): void {
    this.element("path", `d="${this.path}"${this.filled()}`);
  }

  stroke(): void {
    this.element("path", `d="${this.path}" fill="none"${this.stroked()}`);
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.element("rect", this.box(x, y, width, height) + this.filled());
  }

  strokeRect(x: number, y: number, width: number, height: number): void {
    this.element("rect", this.box(x, y, width, height) + ` fill="none"${this.stroked()}`);
  }

  measureText(words: string): TextMetrics {
    this.ruler.font = this.font;
    return this.ruler.measureText(words);
  }

  strokeText(words: string): void {
    this.halo = { words, stroke: this.outline() };
  }

  /** Halo and letters are one text: who copies or searches it finds it once. */
  fillText(words: string, x: number, y: number): void {
    const [, weight = "400", size = "10", family = "sans-serif"] =
      /^(\d+) ([\d.]+)px (.*)$/.exec(this.font) ?? [];
    const stroke = this.halo?.words === words ? `${this.halo.stroke} paint-order="stroke"` : "";
    this.halo = null;
    const below = y + (FALL[this.textBaseline] ?? 0) * Number(size);
    const anchor = ANCHOR[this.textAlign];
    const place = `x="${rounded(x)}" y="${rounded(below)}"${anchor ? ` text-anchor="${anchor}"` : ""}`;
    const face = `font-family="${escaped(family).replaceAll("&quot;", "'")}" font-size="${size}" font-weight="${weight}"`;
    this.element("text", `${place} ${face}${this.filled()}${stroke}`, escaped(words));
  }

  drawImage(image: HTMLCanvasElement, ...at: number[]): void {
    const [sx, sy, sw, sh, x, y, width, height] =
      at.length === 8 ? at : [0, 0, image.width, image.height, ...at];
    const href = this.picture(image, sx!, sy!, sw!, sh!);
    const crisp = this.imageSmoothingEnabled ? "" : ' style="image-rendering:pixelated"';
    const box = this.box(x!, y!, width!, height!);
    this.element(
      "image",
      `${box} preserveAspectRatio="none"${crisp} href="${href}" xlink:href="${href}"${this.faded()}`,
    );
  }

  private picture(image: HTMLCanvasElement, x: number, y: number, width: number, height: number): string {
    const part = document.createElement("canvas");
    part.width = width;
    part.height = height;
    part.getContext("2d")?.drawImage(image, x, y, width, height, 0, 0, width, height);
    return part.toDataURL("image/png");
  }

  private element(name: string, attributes: string, words?: string): void {
    const transform = this.transform ? ` transform="${this.transform}"` : "";
    const end = words === undefined ? "/>" : `>${words}</${name}>`;
    this.parts.push(`<${name} ${attributes}${transform}${end}`);
  }

  private box(x: number, y: number, width: number, height: number): string {
    return `x="${rounded(x)}" y="${rounded(y)}" width="${rounded(Math.max(0, width))}" height="${rounded(Math.max(0, height))}"`;
  }

  private faded(): string {
    return this.globalAlpha < 1 ? ` opacity="${rounded(this.globalAlpha)}"` : "";
  }

  private filled(): string {
    return paint("fill", this.fillStyle) + this.faded();
  }

  private stroked(): string {
    return this.outline() + this.faded();
  }

  private outline(): string {
    const join = this.lineJoin === "miter" ? "" : ` stroke-linejoin="${this.lineJoin}"`;
    const cap = this.lineCap === "butt" ? "" : ` stroke-linecap="${this.lineCap}"`;
    const dash = this.dash ? ` stroke-dasharray="${this.dash}"` : "";
    const width = ` stroke-width="${rounded(this.lineWidth)}"`;
    return paint("stroke", this.strokeStyle) + width + join + cap + dash;
  }
}

/** Inkscape reads rgb() but not rgba(): transparency has its own attribute. */
function paint(what: "fill" | "stroke", colour: string): string {
  const [, red, green, blue, alpha] = /^rgba\((\d+),(\d+),(\d+),([\d.]+)\)$/.exec(colour) ?? [];
  if (alpha === undefined) return ` ${what}="${colour}"`;
  return ` ${what}="rgb(${red},${green},${blue})" ${what}-opacity="${alpha}"`;
}
