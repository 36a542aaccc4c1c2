/** j and k go through a list, Enter opens, / goes to the box: not while something is typed, and not beside Ctrl, Alt or ⌘. */
import { useEffect, useState } from "react";

const TYPING = new Set(["INPUT", "TEXTAREA", "SELECT"]);
/** What Enter means something to by itself. */
const ACTS = "a, button, summary, [role=button], [role=tab], [role=option], [role=menuitem]";

/** The row that is chosen; -1: none yet. */
export function useListKeys(count: number, open: (index: number) => void, toBox: () => void): number {
  const [at, setAt] = useState(-1);
  const inside = Math.min(at, count - 1);
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement | null;
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (target !== null && (TYPING.has(target.tagName) || target.isContentEditable)) return;
      if (event.key === "j") setAt(Math.min(inside + 1, count - 1));
      else if (event.key === "k") setAt(Math.max(inside - 1, 0));
      else if (event.key === "/") toBox();
      else if (event.key === "Enter" && inside >= 0 && (target?.closest(ACTS) ?? null) === null) open(inside);
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [count, inside, open, toBox]);
  return inside;
}
