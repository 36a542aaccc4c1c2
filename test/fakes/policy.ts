/** A destination that can be asked, quick enough for tests; what one of them is about it says over this. */
import type { DestinationPolicy } from "../../domain/writeback/policy.ts";

export const POLICY: DestinationPolicy = {
  name: "his",
  url: "http://his.test",
  connectTimeoutMs: 100,
  replyTimeoutMs: 400,
  leaseMs: 5_000,
  parallel: 4,
  duplicates: "inquiry",
  trustNotFoundAfterMs: 2_000,
  deferredMs: 10_000,
  retry: { firstMs: 200, maxMs: 2_000 },
  replyBytesMax: 65_536,
  inquiry: "fake/inquiry",
};
