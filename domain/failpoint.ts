/**
 * Places at which a fault run kills the process (reference/reliability.md section 6: kill points). The fault runner lists them from the code itself, so a new one is
 * tried without anybody's doing. Free in production: nothing listens, and start-up refuses a production profile in which somebody would.
 */

let reached: ((name: string) => void) | undefined;

/** Marks a place where dying must lose nothing and repeat nothing. Names are unique in the code: `<area>.<before|after>-<what>`. */
export function failpoint(name: string): void {
  if (reached !== undefined) reached(name);
}

/** Listens to every failpoint reached. Called once, at start, by bin/. */
export function onFailpoint(listen: (name: string) => void): void {
  reached = listen;
}
