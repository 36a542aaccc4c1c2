/** A JSON HIS: what it answers, its numbers worked out here by hand. */
import { createHash } from "node:crypto";
import { bytes, type StandIn, seeded } from "./stand-in.ts";

const msgid = createHash("md5").update("k payment-confirm").digest("hex");

export const standIns: readonly StandIn[] = [
  {
    use: "HIS",
    context: {
      partner: "webapi",
      message: "payment-confirm",
      constants: { customId: "TEST01" },
      secrets: { customSecret: "synthetic-secret-of-the-test" },
      nowMs: Date.parse("2026-11-20T09:22:00+08:00"),
      random: seeded(5),
      key: "k",
      session: { token: "T1" },
    },
    plain: { headers: { code: "payconfirm" }, body: bytes('{"billno":"DJ1","name":"测试患者甲"}') },
    reply: {
      opening: {
        body: bytes(`{"msgid":"H1","remsgid":"${msgid}","success":"1","msgtext":"成功","dateset":{}}`),
        contentType: "application/json",
      },
      signed: false,
    },
  },
];
