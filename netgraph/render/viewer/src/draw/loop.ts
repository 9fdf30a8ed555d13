/**
 * When frames are drawn and when work is done between them.
 *
 * Frames wait for requestAnimationFrame, but not forever: a frame that is off screen (a notebook's cell further down)
 * never gets one, and must come to its end all the same. Work runs in slices between messages, which are not held back
 * where timers are.
 */

export interface Loop {
  /** Draw a frame soon. */
  frame(): void;
  /** Work until `work` says that there is none left. */
  work(): void;
  /** A movement is under way: work waits until it has been still for a while. */
  moved(): void;
  readonly moving: boolean;
  /** Neither a frame nor work is waiting. */
  readonly idle: boolean;
}

interface Tasks {
  draw(): void;
  /** Works until the deadline; true: there is more to do. */
  work(deadline: number): boolean;
  /** There is no more to do. */
  ended(): void;
  /** The movement has come to rest. */
  rested(): void;
}

/** Milliseconds: a slice of work, the wait for an animation frame, and how long a movement must be still. */
const SLICE = 12;
const PATIENCE = 120;
const STILL = 140;

export function createLoop({ draw, work, ended, rested }: Tasks): Loop {
  let waiting = false;
  let timer = 0;
  let working = false;
  let still = 0;
  let asked = 0;

  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    if (still) working = false;
    else if (work(performance.now() + SLICE)) channel.port2.postMessage(null);
    else {
      working = false;
      ended(); // only now is the loop idle, and no frame may be to come
    }
  };

  function run(): void {
    if (!waiting) return;
    waiting = false;
    cancelAnimationFrame(asked);
    clearTimeout(timer);
    draw();
  }

  function begin(): void {
    if (working || still) return;
    working = true;
    channel.port2.postMessage(null);
  }

  return {
    frame() {
      if (waiting) return;
      waiting = true;
      asked = requestAnimationFrame(run);
      timer = window.setTimeout(run, PATIENCE);
    },
    work: begin,
    moved() {
      clearTimeout(still);
      still = window.setTimeout(() => {
        still = 0;
        rested();
      }, STILL);
    },
    get moving() {
      return still !== 0;
    },
    get idle() {
      return !waiting && !working && !still;
    },
  };
}
