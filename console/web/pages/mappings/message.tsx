/** The message that a document is tried on: chosen by id, shown masked. */
import { useQuery } from "@tanstack/react-query";
import { Input, Skeleton, Space, theme } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { MessageDetail } from "../../../../domain/operations/views.ts";
import { get } from "../../api/client.ts";
import { Problem } from "../../parts/problem.tsx";

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function MessageIdBox({ value, onChange }: { readonly value: string; readonly onChange: (id: string) => void }) {
  const { t } = useTranslation("mappings");
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const take = (text: string): void => {
    setTyped(text);
    const id = text.trim().toLowerCase();
    if (ID.test(id)) onChange(id);
  };
  return (
    <Space orientation="vertical" size={2}>
      <label htmlFor="message-id">{t("message.id")}</label>
      <Input
        id="message-id"
        style={{ width: 320 }}
        value={typed}
        status={typed === "" || ID.test(typed.trim().toLowerCase()) ? "" : "warning"}
        onChange={({ target }) => take(target.value)}
        allowClear
      />
    </Space>
  );
}

/** A text that scrolls and can be reached by keyboard. */
export function TextBlock({
  text,
  label,
  maxHeight = 300,
}: {
  readonly text: string;
  readonly label: string;
  readonly maxHeight?: number;
}) {
  const { token } = theme.useToken();
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
      tabIndex={0}
      style={{ maxHeight, overflow: "auto" }}
    >
      <pre style={{ margin: 0, fontFamily: token.fontFamilyCode, fontSize: 12, whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        {text}
      </pre>
    </section>
  );
}

export function MessageText({ id }: { readonly id: string }) {
  const { t } = useTranslation("mappings");
  const found = useQuery({ queryKey: [`/messages/${id}`, {}], queryFn: () => get<MessageDetail>(`/messages/${id}`) });
  if (found.error !== null) return <Problem error={found.error} />;
  if (found.data === undefined) return <Skeleton active />;
  const { raw, reply } = found.data;
  const text = [raw?.text, reply?.text].filter((one) => one !== undefined).join("\n\n");
  return <TextBlock text={text} label={t("message.text")} />;
}
