/** The page's state, and who wants to know of a change. */

import type { ViewName } from "./contract";
import type { PartKey } from "./parts";

export type Colour = "sign" | "module";
export type Theme = "dark" | "light";

export interface Camera {
  /** Centre of the picture in stage units (as laid out), and pixels (CSS) a stage unit. */
  x: number;
  y: number;
  zoom: number;
}

export interface State {
  view: ViewName;
  sample: number;
  /** Class number that the circuit is for. */
  target: number;
  /** How many of the strongest edges are drawn crisply. */
  top: number;
  positive: boolean;
  negative: boolean;
  /** The density of all edges behind the strongest. */
  density: boolean;
  colour: Colour;
  /** Modules as bars with ribbons between them, instead of vertices and edges. */
  ribbons: boolean;
  /** The only group that is seen brightly; null: all. */
  isolated: number | null;
  /** Bar or ribbon under the pointer, and the one that was clicked. */
  pointed: PartKey | null;
  picked: PartKey | null;
  /** What runs between the modules is added up for this reading. */
  summed: boolean;
  theme: Theme;
  selected: number | null;
  /** Second vertex: the panel lists the paths between the two. */
  second: number | null;
  hovered: number | null;
  /** Edges of a path that the pointer or the focus lies on. */
  traced: readonly number[];
  grouped: boolean;
  folded: ReadonlySet<number>;
  lesioned: ReadonlySet<number>;
  /** Block that the matrix view shows. */
  block: number;
  /** And which quantity of it. */
  matrixOf: Exclude<ViewName, "matrix">;
  camera: Camera | null;
}

export type Listener = (state: Readonly<State>, changed: ReadonlySet<keyof State>) => void;

export interface Store {
  readonly state: Readonly<State>;
  /** Changes what differs and tells the listeners once, in the order in which they came. */
  set(patch: Partial<State>): void;
  subscribe(listener: Listener): void;
}

export function createStore(initial: State): Store {
  let state: Readonly<State> = Object.freeze({ ...initial });
  const listeners: Listener[] = [];
  return {
    get state() {
      return state;
    },
    set(patch) {
      const changed = new Set<keyof State>();
      for (const key of Object.keys(patch) as (keyof State)[])
        if (patch[key] !== state[key]) changed.add(key);
      if (!changed.size) return;
      state = Object.freeze({ ...state, ...patch });
      for (const listener of listeners) listener(state, changed);
    },
    subscribe(listener) {
      listeners.push(listener);
    },
  };
}
