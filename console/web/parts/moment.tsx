/** Times as people read them: China time, the age beside it on demand. */
import { Tooltip } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { ageParts, chinaParts } from "./time.ts";

export interface MomentProps {
  /** ISO time with an offset, or milliseconds since 1970. Nothing is shown when absent. */
  readonly at: string | number | undefined;
  /** With milliseconds. */
  readonly exact?: boolean;
}

/** A moment in China time: the clock time alone when it is today. The whole moment is in its title and in `datetime`. */
export function Moment({ at, exact = false }: MomentProps) {
  const parts = at === undefined ? undefined : chinaParts(at, Date.now());
  if (!parts) return null;
  const time = exact ? `${parts.time}.${parts.ms}` : parts.time;
  return (
    <Tooltip title={`${parts.date} ${parts.time}.${parts.ms}`}>
      <time dateTime={parts.iso}>{parts.today ? time : `${parts.date} ${time}`}</time>
    </Tooltip>
  );
}

export interface AgeProps {
  /** How long, in milliseconds. */
  readonly ms: number | undefined;
}

/** How long: 42 s, 7 min, 3 h 20 min, 2 d 4 h. Nothing when absent. */
export function Age({ ms }: AgeProps) {
  const { t } = useTranslation("parts");
  if (ms === undefined) return null;
  const { unit, n, m } = ageParts(ms);
  return <span>{t(`age.${unit}`, { n, m })}</span>;
}

/** How long since a moment, growing while it is looked at. */
export function AgeSince({ at }: { readonly at: string | undefined }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const from = at === undefined ? Number.NaN : Date.parse(at);
  return Number.isNaN(from) ? null : <Age ms={Math.max(0, now - from)} />;
}
