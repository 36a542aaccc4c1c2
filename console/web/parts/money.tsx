import { yuanText } from "./fen.ts";

export interface FenProps {
  /** Decimal text of fen. Nothing is shown when absent: absent is not 0. */
  readonly value: string | undefined;
}

/** ¥1,650.00 of "165000"; what is no amount is shown as it is. */
export function Fen({ value }: FenProps) {
  if (value === undefined) return null;
  return <span style={{ fontVariantNumeric: "tabular-nums", whiteSpace: "nowrap" }}>{yuanText(value) ?? value}</span>;
}
