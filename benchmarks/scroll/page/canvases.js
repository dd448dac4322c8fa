/** Whether canvases outlive their use. */

const GARBAGE_BYTES = 16_000_000;
const GARBAGE_TIMES = 20;

/** Start to follow each new `<canvas>`. `countAlive` resolves to how many were made, and how many are in memory yet. */
export function watchCanvases() {
  const made = [];
  const createElement = document.createElement;
  document.createElement = function (...how) {
    const element = createElement.apply(this, how);
    if (element instanceof HTMLCanvasElement) made.push(new WeakRef(element));
    return element;
  };
  return {
    async countAlive() {
      await collectGarbage();
      return { canvases: made.length, canvases_alive: made.filter((canvas) => canvas.deref()).length };
    },
  };
}

/** Make garbage until the browser collects: a page cannot ask for it. A task must end before `WeakRef`s let go. */
async function collectGarbage() {
  for (let times = 0; times < GARBAGE_TIMES; times++) {
    new Uint8Array(GARBAGE_BYTES).fill(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
