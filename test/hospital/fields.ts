/** Reading orders to partners: text fields that must be there, whole fen, lists. */
import { OrderRefused } from "./told.ts";

export type Order = Readonly<Record<string, unknown>>;

/** A text that must be there. */
export function textOf(order: Order, name: string): string {
  const value = order[name];
  if (typeof value !== "string" || value === "") throw new OrderRefused(`${name} is missing`);
  return value;
}

export function maybeTextOf(order: Order, name: string): string | undefined {
  return order[name] === undefined ? undefined : textOf(order, name);
}

/** Fen as a decimal string, never a number. */
export function fenOf(order: Order, name: string): bigint {
  const text = textOf(order, name);
  if (!/^\d{1,15}$/.test(text)) throw new OrderRefused(`${name} is no decimal string of fen`);
  return BigInt(text);
}

export function objectOf(order: Order, name: string): Order {
  const value = order[name];
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new OrderRefused(`${name} is an object`);
  return value as Order;
}

export function listOf(order: Order, name: string): readonly Order[] {
  const value = order[name];
  if (!Array.isArray(value)) throw new OrderRefused(`${name} is a list`);
  return value.map((_, index) => objectOf(value as unknown as Order, String(index)));
}
