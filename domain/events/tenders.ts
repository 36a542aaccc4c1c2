/** The ways of paying, shared by payment.settled and payment.refunded. */

export const CHANNELS = ["wechat", "alipay", "unionpay", "ecny", "pos", "cash", "card", "deposit", "bank", "insurance-mixed"] as const;
export type Channel = (typeof CHANNELS)[number];

/** Channels that run through somebody else's system, which has a transaction number of its own. */
export const NUMBERED_CHANNELS: ReadonlySet<Channel> = new Set<Channel>(["wechat", "alipay", "unionpay", "ecny", "pos", "bank"]);
