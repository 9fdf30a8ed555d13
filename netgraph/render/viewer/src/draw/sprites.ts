/** Pictures of vertices, made once a reading and kept in a few large canvases. */

/** Pictures were asked for and not made yet: another frame would show more. */
export function spritesPending(): boolean {
  return false;
}
