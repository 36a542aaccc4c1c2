/** W3C trace context (Level 1): one trace runs from the sender's request through our journal to the partner that is written to. */

const SHAPE = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/;
const SAMPLED = "01";
const hexOf = (uuid: string): string => uuid.replaceAll("-", "").toLowerCase();

/**
 * The `traceparent` of a call of ours. The trace is the one that the sender began; where it began none, the message's own id is the trace, so that a partner's
 * log names the message in ours. The parent is what is being done (a write-back's id: the same at every attempt of it).
 */
export function traceparentOf(messageId: string, doingId: string, began?: string): string {
  const [, trace = hexOf(messageId), flags = SAMPLED] = SHAPE.exec(began ?? "") ?? [];
  return `00-${trace}-${hexOf(doingId).slice(-16)}-${flags}`;
}
