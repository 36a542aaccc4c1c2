/** Lanes and destination profiles as operators see them. */
import { type Static, type TProperties, Type } from "typebox";
import { Destination } from "../partners/profile.ts";

const closed = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const text = Type.String();
const maybe = Type.Optional;
const whole = Type.Integer({ minimum: 0 });

export const LaneRow = closed({
  destination: text,
  lane: text,
  head: maybe(Type.String({ description: "write-back at the head, or the parked one that is passed / 队首回写编号" })),
  headState: maybe(text),
  kind: maybe(text),
  code: maybe(Type.String({ description: "why it is parked / 停放代码" })),
  amount: maybe(Type.String({ description: "of the head, in fen / 队首金额（分）" })),
  behind: Type.Integer({ minimum: 0, description: "write-backs queued behind it / 其后排队笔数" }),
  amountBehind: Type.String({ description: "in fen / 其后排队金额（分）" }),
  ageSeconds: Type.Integer({ minimum: 0, description: "since the head is owed, or the lane held / 已等待秒数" }),
  heldBy: maybe(text),
  heldAt: maybe(text),
  reason: maybe(Type.String({ description: "why it is held / 暂停原因" })),
});
export type LaneRow = Static<typeof LaneRow>;
export const LanePage = closed({ items: Type.Array(LaneRow), after: maybe(text) });

export const ProfileDifference = closed({
  at: Type.String({ description: "JSON pointer into the profile / 字段位置" }),
  before: maybe(Type.Unknown()),
  after: maybe(Type.Unknown()),
});
export type ProfileDifference = Static<typeof ProfileDifference>;

export const DestinationProfile = closed({
  destination: text,
  version: Type.Integer({ minimum: 1, description: "grows with every change / 版本" }),
  profile: Destination,
  fromSeed: Type.Array(ProfileDifference, {
    description: "differences from partners/<name>.json; empty: it follows the file / 与档案文件的差异",
  }),
  seedChanged: Type.Boolean({
    description: "the file was changed since, and is not taken over because people changed this profile / 文件已变，未采用",
  }),
  override: maybe(Type.String({ description: "address given by HUILIU_PARTNER_URLS to this process / 环境变量覆盖的地址" })),
});
export type DestinationProfile = Static<typeof DestinationProfile>;

export const ProfileChange = closed({
  version: whole,
  at: text,
  by: text,
  action: text,
  reason: text,
  auditId: text,
  changes: Type.Array(ProfileDifference),
});
export type ProfileChange = Static<typeof ProfileChange>;
export const ProfileHistory = closed({ items: Type.Array(ProfileChange), after: maybe(text) });
