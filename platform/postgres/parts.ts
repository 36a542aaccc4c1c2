/** Reads that are cut into parts and asked at the same time: pages that are fetched from a disk one after the other take as long as they are many. */

/** Pieces of about one length, in order: at most `most`, and no more than have at least `least` each. Nothing: no piece. */
export function cutInto<T>(items: readonly T[], most: number, least: number): readonly (readonly T[])[] {
  const length = Math.max(least, Math.ceil(items.length / most));
  return Array.from({ length: Math.ceil(items.length / length) }, (_, part) => items.slice(part * length, (part + 1) * length));
}

/** At most `most` works at once; the others wait, and begin in the order asked. */
export function turns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = most;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((begin) => void waiting.push(begin));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
