/** Addresses a partner may come from, as its profile lists them: single ones and CIDR. */
import { BlockList, isIP } from "node:net";

const CIDR = /^(.+)\/(\d{1,3})$/;

export interface Allowed {
  /** False for an absent address: whoever went away already. */
  has(address: string | undefined): boolean;
}

/** Throws for what is no address, with the address in the message. */
export function allowedFrom(from: readonly string[]): Allowed {
  const list = new BlockList();
  for (const one of from) {
    const [, network = "", bits] = CIDR.exec(one) ?? [undefined, one, undefined];
    const family = isIP(network) === 6 ? "ipv6" : "ipv4";
    if (isIP(network) === 0) throw new Error(`${one}: not an address / 不是地址`);
    if (bits === undefined) list.addAddress(network, family);
    else list.addSubnet(network, Number(bits), family);
  }
  return {
    has: (address) => {
      // A dual-stack listener shows IPv4 as ::ffff:a.b.c.d.
      const bare = address?.replace(/^::ffff:(?=\d+\.)/i, "") ?? "";
      const kind = isIP(bare);
      return kind !== 0 && list.check(bare, kind === 6 ? "ipv6" : "ipv4");
    },
  };
}
