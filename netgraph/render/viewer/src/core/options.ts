/** Things with a size, given out one after the other, largest first: a heap, sorted only as far as anyone asks. */

export class Options {
  private readonly known: number[] = [];
  private left: number;

  /** Of the first `count` numbers; of equals the smaller item comes first. */
  constructor(
    private readonly sizes: Float64Array,
    private readonly items: Float64Array,
    count: number,
  ) {
    this.left = count;
    for (let at = (count >> 1) - 1; at >= 0; at--) this.sink(at);
  }

  private before(a: number, b: number): boolean {
    const { sizes, items } = this;
    return sizes[a] > sizes[b] || (sizes[a] === sizes[b] && items[a] < items[b]);
  }

  private swap(a: number, b: number): void {
    const { sizes, items } = this;
    const [size, item] = [sizes[a], items[a]];
    sizes[a] = sizes[b];
    items[a] = items[b];
    sizes[b] = size;
    items[b] = item;
  }

  private sink(from: number): void {
    for (let at = from; ;) {
      let child = 2 * at + 1;
      if (child >= this.left) return;
      if (child + 1 < this.left && this.before(child + 1, child)) child++;
      if (!this.before(child, at)) return;
      this.swap(at, child);
      at = child;
    }
  }

  /** Position of the one with this rank in the arrays given; −1: there are not so many. */
  private place(rank: number): number {
    while (this.known.length <= rank && this.left > 0) {
      // What is taken out stands behind what is left, as in heap sort.
      this.left--;
      this.swap(0, this.left);
      this.known.push(this.left);
      this.sink(0);
    }
    return rank < this.known.length ? this.known[rank] : -1;
  }

  /** The thing with this rank, and how large it is (0: there is none). */
  item(rank: number): number {
    const place = this.place(rank);
    return place < 0 ? NaN : this.items[place];
  }

  size(rank: number): number {
    const place = this.place(rank);
    return place < 0 ? 0 : this.sizes[place];
  }
}
