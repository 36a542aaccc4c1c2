/** What a person does about an alarm: takes it, says that it is known, writes a note, silences its escalation for a while. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, Dropdown, Flex } from "antd";
import { useTranslation } from "react-i18next";
import type { AlarmView } from "../../../../domain/operations/views-alarms.ts";
import type { Done } from "../../../../domain/operations/views.ts";
import { post } from "../../api/client.ts";
import { useMay, useMe } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import { Problem } from "../../parts/problem.tsx";
import "./texts.ts";

const SNOOZE_MINUTES = [15, 30, 60, 240] as const;

interface Deed {
  readonly action: "own" | "acknowledge" | "note" | "snooze";
  readonly body: Readonly<Record<string, unknown>>;
}

export function AlarmDeeds({ alarm }: { readonly alarm: AlarmView }) {
  const { t } = useTranslation("alarms");
  const client = useQueryClient();
  const ask = useAskReason();
  const me = useMe();
  const may = useMay("failure");
  const act = useMutation({
    mutationFn: ({ action, body }: Deed) => post<Done>(`/alarms/${alarm.id}/${action}`, body),
    onSettled: () => client.invalidateQueries({ queryKey: ["/alarms"] }),
  });
  if (!may) return null;
  const name = t("of", { what: t("note.write"), subject: alarm.subject });

  const note = async (): Promise<void> => {
    const text = await ask({ title: name, confirm: t("note.write"), fields: t("note.help") });
    if (text !== undefined) act.mutate({ action: "note", body: { note: text, reason: text } });
  };
  const snooze = async (minutes: number): Promise<void> => {
    const reason = await ask({ title: `${t("snooze")} ${t("snooze.n", { n: minutes })}`, confirm: t("snooze") });
    if (reason !== undefined) act.mutate({ action: "snooze", body: { minutes, reason } });
  };

  return (
    <Flex vertical gap="small">
      <Flex gap="small" wrap>
        {alarm.open && alarm.owner !== me.name && (
          <Button
            size="small"
            type="primary"
            loading={act.isPending}
            onClick={() => act.mutate({ action: "own", body: { reason: t("take.reason") } })}
          >
            {t("take")}
          </Button>
        )}
        {alarm.open && alarm.acknowledgedBy === undefined && (
          <Button size="small" onClick={() => act.mutate({ action: "acknowledge", body: { reason: t("seen.reason") } })}>
            {t("seen")}
          </Button>
        )}
        <Button size="small" onClick={() => void note()} aria-label={name}>
          {t("note.write")}
        </Button>
        {alarm.open && (
          <Dropdown
            trigger={["click"]}
            menu={{
              items: SNOOZE_MINUTES.map((n) => ({ key: String(n), label: t("snooze.n", { n }) })),
              onClick: ({ key }) => void snooze(Number(key)),
            }}
          >
            <Button size="small" aria-haspopup="menu">
              {t("snooze")}
            </Button>
          </Dropdown>
        )}
      </Flex>
      <Problem error={act.error} />
    </Flex>
  );
}
