/** Owner, note and snooze of a failure group: each asks why and says what it changes. */
import { Alert, Flex, Input, Select, Typography } from "antd";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import type { FailureGroup } from "../../../../domain/operations/views-replay.ts";
import { post } from "../../api/client.ts";
import { useMay, useMe } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import type { Deeds } from "../../parts/deed.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import "../replays/texts.ts";

const HOUR_MS = 3_600_000;
const SNOOZE_HOURS = [1, 4, 12, 24, 168] as const;
const OWNER_MAX = 64;
const NOTE_MAX = 2_000;

export function GroupDeeds({ group, deeds }: { readonly group: FailureGroup; readonly deeds: Deeds }) {
  const { t } = useTranslation("failures");
  const { t: r } = useTranslation("replays");
  const me = useMe();
  const may = useMay("failure");
  const ask = useAskReason();
  const given = useRef<{ owner: string; note: string; hours: number }>({ owner: "", note: "", hours: 4 });
  const { code, id } = group;
  const change = (what: string, more: object, said: string): Promise<FailureGroup | undefined> =>
    deeds.act(
      () => post<FailureGroup>(`/failure-groups/${id}/${what}`, more),
      () => said,
    );

  const own = async (): Promise<void> => {
    const reason = await ask({ title: t("own.title", { code, name: me.name }), confirm: t("own") });
    if (reason !== undefined) await change("own", { owner: me.name, reason }, t("own.done", { name: me.name }));
  };
  const give = async (): Promise<void> => {
    given.current.owner = "";
    const fields = (
      <Flex vertical gap={4} style={{ marginBottom: 12 }}>
        <Typography.Text id="give-who">{t("give.who")}</Typography.Text>
        <Input
          aria-labelledby="give-who"
          maxLength={OWNER_MAX}
          onChange={(event) => {
            given.current.owner = event.target.value.trim();
          }}
        />
      </Flex>
    );
    const reason = await ask({ title: t("give.title", { code }), fields });
    const { owner } = given.current;
    if (reason !== undefined && owner !== "") await change("own", { owner, reason }, t("own.done", { name: owner }));
  };
  const note = async (): Promise<void> => {
    given.current.note = group.note ?? "";
    const fields = (
      <Flex vertical gap={4} style={{ marginBottom: 12 }}>
        <Typography.Text id="note-text">{t("note.text")}</Typography.Text>
        <Input.TextArea
          aria-labelledby="note-text"
          rows={4}
          maxLength={NOTE_MAX}
          defaultValue={given.current.note}
          onChange={(event) => {
            given.current.note = event.target.value;
          }}
        />
      </Flex>
    );
    const reason = await ask({ title: t("note.title", { code }), fields });
    if (reason !== undefined) await change("note", { note: given.current.note, reason }, t("note.done"));
  };
  const snooze = async (): Promise<void> => {
    given.current.hours = 4;
    const fields = (
      <Flex vertical gap="small" style={{ marginBottom: 12 }}>
        <Alert type="info" showIcon title={t("snooze.told", { open: group.open })} />
        <Select
          aria-label={t("snooze.for")}
          defaultValue={given.current.hours}
          options={SNOOZE_HOURS.map((hours) => ({ value: hours, label: t(`snooze.${hours}`) }))}
          onChange={(hours) => {
            given.current.hours = hours;
          }}
        />
      </Flex>
    );
    const reason = await ask({ title: t("snooze.title", { code }), fields, confirm: t("snooze").replace("…", "") });
    if (reason === undefined) return;
    const until = new Date(Date.now() + given.current.hours * HOUR_MS).toISOString();
    await change("snooze", { until, reason }, t("snooze.done"));
  };
  const unsnooze = async (): Promise<void> => {
    const reason = await ask({ title: t("unsnooze.title", { code }), confirm: t("unsnooze") });
    if (reason !== undefined) await change("unsnooze", { reason }, t("unsnooze.done"));
  };

  const why = may ? undefined : r("no.right.failure");
  return (
    <Flex gap={8} wrap>
      <NotNow why={why} loading={deeds.busy} onClick={() => void own()}>
        {t("own")}
      </NotNow>
      <NotNow why={why} onClick={() => void give()}>
        {t("give")}
      </NotNow>
      <NotNow why={why} onClick={() => void note()}>
        {t("note")}
      </NotNow>
      <NotNow why={why} onClick={() => void (group.snoozed ? unsnooze() : snooze())}>
        {group.snoozed ? t("unsnooze") : t("snooze")}
      </NotNow>
    </Flex>
  );
}
