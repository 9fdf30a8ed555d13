// Builds dist/viewer.js and dist/viewer.css, which ship with the package. With --tests: bundles test/*.test.ts for node.
import { build } from "esbuild";
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const common = { absWorkingDir: here, bundle: true, target: "es2022", logLevel: "warning" };
const alias = { "d3-transition": "./src/draw/still.ts" };

if (process.argv.includes("--tests")) {
  rmSync(join(here, "build"), { recursive: true, force: true });
  const tests = readdirSync(join(here, "test")).filter((name) => name.endsWith(".test.ts"));
  await build({
    ...common,
    entryPoints: tests.map((name) => join("test", name)),
    outdir: "build/tests",
    outExtension: { ".js": ".mjs" },
    platform: "node",
    format: "esm",
    sourcemap: "inline",
  });
} else {
  const page = { ...common, alias, minify: true, charset: "utf8", legalComments: "none" };
  await build({ ...page, entryPoints: ["src/main.ts"], outfile: "dist/viewer.js", format: "iife" });
  await build({ ...page, entryPoints: ["src/page.css"], outfile: "dist/viewer.css" });
}
