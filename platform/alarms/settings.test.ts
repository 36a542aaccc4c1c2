/** Where alarms are told is refused clearly when it is half set, and never with a secret in the text. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readAlarmSettings } from "./settings.ts";

const HOOK = { HUILIU_ALARM_WEBHOOK: "https://duty.example/hook", HUILIU_ALARM_WEBHOOK_SECRET: "0123456789abcdef" };
const MAIL = {
  HUILIU_ALARM_SMTP: "smtps://user:geheim@mail.example",
  HUILIU_ALARM_MAIL_FROM: "huiliu@hospital.example",
  HUILIU_ALARM_MAIL_TO: "duty@hospital.example, it@hospital.example",
};

describe("settings of the alarms", () => {
  test("nothing set: the log alone", () => {
    assert.deepEqual(readAlarmSettings({}, "production"), { problems: [], settings: {} });
    assert.deepEqual(readAlarmSettings({ HUILIU_ALARM_WEBHOOK: " " }, "production"), { problems: [], settings: {} });
  });
  test("both set", () => {
    const { problems, settings } = readAlarmSettings({ ...HOOK, ...MAIL }, "production");
    assert.deepEqual(problems, []);
    assert.equal(settings.webhook?.url, "https://duty.example/hook");
    assert.deepEqual(settings.mail?.to, ["duty@hospital.example", "it@hospital.example"]);
  });
  const WRONG: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    ["a webhook that is none", { ...HOOK, HUILIU_ALARM_WEBHOOK: "duty.example" }, /HUILIU_ALARM_WEBHOOK is not/],
    ["a file as webhook", { ...HOOK, HUILIU_ALARM_WEBHOOK: "file:///etc/passwd" }, /HUILIU_ALARM_WEBHOOK is not/],
    ["plain http in production", { ...HOOK, HUILIU_ALARM_WEBHOOK: "http://duty.example/hook" }, /must be https/],
    ["a short secret", { ...HOOK, HUILIU_ALARM_WEBHOOK_SECRET: "geheim" }, /at least 16/],
    ["a secret alone", { HUILIU_ALARM_WEBHOOK_SECRET: "0123456789abcdef" }, /without HUILIU_ALARM_WEBHOOK/],
    ["no recipients", { ...MAIL, HUILIU_ALARM_MAIL_TO: "," }, /HUILIU_ALARM_MAIL_TO/],
    ["a recipient that would be a header", { ...MAIL, HUILIU_ALARM_MAIL_TO: "a@b\r\nBcc: c@d" }, /HUILIU_ALARM_MAIL_TO/],
    ["half of the e-mail", { HUILIU_ALARM_SMTP: "smtp://mail.example" }, /belong together/],
    ["an SMTP server that is none", { ...MAIL, HUILIU_ALARM_SMTP: "mail.example:25" }, /HUILIU_ALARM_SMTP is not/],
  ];
  for (const [name, env, wanted] of WRONG) {
    test(name, () => {
      const text = readAlarmSettings(env, "production").problems.join("\n");
      assert.match(text, wanted);
      assert.match(text, /[\u4e00-\u9fff]/);
      assert.doesNotMatch(text, /geheim|0123456789abcdef/);
    });
  }
});
