/** What an outbound document is run on: the newest write-backs and events it is for, its examples, or any by its id. */
import { useQuery } from "@tanstack/react-query";
import { Input, Select, Space } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { MappingText } from "../../../../domain/operations/views-mappings.ts";
import type { EventRow, Page, WriteBackRow } from "../../../../domain/operations/views.ts";
import { get } from "../../api/client.ts";

const OFFERED = 20;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** As it stands in the address: `write-back:<id>`, `event:<message>/<event>`, `example:<name>`. */
export type Source =
  | { readonly writeBackId: string }
  | { readonly messageId: string; readonly eventId: string }
  | { readonly example: string };

export function sourceOf(text: string): Source | undefined {
  const [, kind, rest = ""] = /^(write-back|event|example):(.+)$/.exec(text) ?? [];
  if (kind === "write-back") return { writeBackId: rest };
  if (kind === "example") return { example: rest };
  const slash = rest.indexOf("/");
  return kind === "event" && slash > 0 ? { messageId: rest.slice(0, slash), eventId: rest.slice(slash + 1) } : undefined;
}

interface Props {
  readonly writes: NonNullable<MappingText["writes"]>;
  readonly value: string;
  readonly choose: (source: string) => void;
}

const moment = (at: string): string => at.slice(5, 19).replace("T", " ");

export function SourceChoice({ writes, value, choose }: Props) {
  const { t } = useTranslation("mappings");
  const { uses, eventTypes, examples } = writes;
  const writeBacks = useQuery({
    queryKey: ["/write-backs", { uses, limit: OFFERED }],
    queryFn: async () => {
      const pages = await Promise.all(
        uses.map(({ destination, kind }) => get<Page<WriteBackRow>>("/write-backs", { destination, kind, limit: String(OFFERED) })),
      );
      const items = pages.flatMap((page) => page.items);
      return items.sort((one, other) => other.owedAt.localeCompare(one.owedAt)).slice(0, OFFERED);
    },
  });
  const events = useQuery({
    queryKey: ["/events", { eventTypes, limit: OFFERED }],
    queryFn: async () => {
      const pages = await Promise.all(eventTypes.map((type) => get<Page<EventRow>>("/events", { type, limit: String(OFFERED) })));
      const items = pages.flatMap((page) => page.items);
      return items.sort((one, other) => other.storedAt.localeCompare(one.storedAt)).slice(0, OFFERED);
    },
  });
  const options = [
    {
      label: t("source.write-backs"),
      options: (writeBacks.data ?? []).map((one) => ({
        value: `write-back:${one.id}`,
        label: `${moment(one.owedAt)} ${one.destination} ${one.kind} ${one.state}`,
      })),
    },
    {
      label: t("source.events"),
      options: (events.data ?? []).map((one) => ({
        value: `event:${one.messageId}/${one.id}`,
        label: `${moment(one.storedAt)} ${one.type} ${one.subject ?? ""}`,
      })),
    },
    { label: t("source.examples"), options: examples.map((name) => ({ value: `example:${name}`, label: name })) },
  ].filter((group) => group.options.length > 0);
  const known = options.some((group) => group.options.some((one) => one.value === value));
  return (
    <>
      <Space orientation="vertical" size={2}>
        <label htmlFor="source">{t("source")}</label>
        <Select
          id="source"
          showSearch={{ optionFilterProp: "label" }}
          style={{ width: 400 }}
          value={known ? value : null}
          placeholder={options.length === 0 ? t("source.none") : t("source.choose")}
          options={options}
          onChange={choose}
          loading={writeBacks.isPending || events.isPending}
        />
      </Space>
      <WriteBackId value={value.startsWith("write-back:") ? value.slice("write-back:".length) : ""} choose={choose} />
    </>
  );
}

function WriteBackId({ value, choose }: { readonly value: string; readonly choose: (source: string) => void }) {
  const { t } = useTranslation("mappings");
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const isId = UUID.test(typed.trim().toLowerCase());
  return (
    <Space orientation="vertical" size={2}>
      <label htmlFor="write-back-id">{t("source.id")}</label>
      <Input
        id="write-back-id"
        style={{ width: 320 }}
        value={typed}
        status={typed === "" || isId ? "" : "warning"}
        onChange={({ target }) => {
          setTyped(target.value);
          const id = target.value.trim().toLowerCase();
          if (UUID.test(id)) choose(`write-back:${id}`);
        }}
        allowClear
      />
    </Space>
  );
}
