/**
 * Signs out whoever has gone away: pages ask for news by themselves, so the engine cannot tell an empty chair from a person who reads. Several pages of one browser
 * tell each other that somebody is there.
 */
import { useEffect } from "react";
import { useSignOut } from "./sign-out.ts";

const ACTS = ["pointerdown", "keydown", "wheel", "pointermove"] as const;
const SEEN = "huiliu.seen";
const CHECK_MS = 15_000;
const NOTE_MS = 5_000;

function lastSeen(mine: number): number {
  try {
    return Math.max(mine, Number(window.localStorage.getItem(SEEN) ?? 0));
  } catch {
    // A browser that keeps nothing: each page for itself.
    return mine;
  }
}

function note(now: number): void {
  try {
    window.localStorage.setItem(SEEN, String(now));
  } catch {
    // See lastSeen.
  }
}

export function Idle({ minutes }: { readonly minutes: number | undefined }) {
  const signOut = useSignOut();
  useEffect(() => {
    if (minutes === undefined) return;
    let seen = Date.now();
    note(seen);
    const act = (): void => {
      const now = Date.now();
      if (now - seen < NOTE_MS) return;
      seen = now;
      note(now);
    };
    for (const one of ACTS) window.addEventListener(one, act, { passive: true });
    const timer = setInterval(() => {
      if (Date.now() - lastSeen(seen) > minutes * 60_000) void signOut();
    }, CHECK_MS);
    return () => {
      clearInterval(timer);
      for (const one of ACTS) window.removeEventListener(one, act);
    };
  }, [minutes, signOut]);
  return null;
}
