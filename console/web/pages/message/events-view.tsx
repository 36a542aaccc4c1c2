/** The events of a message, and those whose flow has not ended. */
import { Alert, Collapse, Empty, Flex, Space, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { Done, EventDelivery, MessageDetail } from "../../../../domain/operations/views.ts";
import { post } from "../../api/client.ts";
import { useMay } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import type { Deeds } from "../../parts/deed.tsx";
import { Moment } from "../../parts/moment.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import { StateTag } from "../../parts/state-tag.tsx";
import { inLanguage } from "../../texts/index.ts";
import { TextView } from "./payload-view.tsx";
import "./texts.ts";

export function Events({ detail, deeds }: { readonly detail: MessageDetail; readonly deeds: Deeds }) {
  const { t } = useTranslation("message");
  return (
    <Flex vertical gap="middle">
      {detail.eventDeliveries.map((one) => (
        <Delivery key={`${one.subscriber} ${one.eventId}`} one={one} deeds={deeds} />
      ))}
      {detail.events.length === 0 ? (
        <Empty description={t("event.none")} />
      ) : (
        <Collapse
          defaultActiveKey={detail.events.length === 1 ? [detail.events[0]?.id ?? ""] : []}
          items={detail.events.map((row) => ({
            key: row.id,
            label: (
              <Space wrap>
                <Typography.Text strong>{row.type}</Typography.Text>
                <Tag color={row.published ? "success" : "default"}>{t(row.published ? "event.published" : "event.kept")}</Tag>
                <Typography.Text type="secondary">{row.subject}</Typography.Text>
                <Moment at={row.storedAt} exact />
              </Space>
            ),
            children: <TextView text={JSON.stringify(row.event, undefined, 2)} label={row.type} />,
          }))}
        />
      )}
    </Flex>
  );
}

function Delivery({ one, deeds }: { readonly one: EventDelivery; readonly deeds: Deeds }) {
  const { t } = useTranslation("message");
  const ask = useAskReason();
  const [mayReplay, mayResolve] = [useMay("replay"), useMay("resolve")];
  const act = async (deed: "replay" | "resolve"): Promise<void> => {
    const reason = await ask({ title: t(`delivery.${deed}`), danger: deed === "resolve" });
    if (reason === undefined) return;
    await deeds.act(
      () => post<Done>(`/event-deliveries/${encodeURIComponent(one.subscriber)}/${encodeURIComponent(one.eventId)}/${deed}`, { reason }),
      ({ auditId }) => t("delivery.done", { audit: auditId }),
    );
  };
  const why = (may: boolean): string | undefined => (!may ? t("no.right") : one.state === "parked" ? undefined : t("wb.no"));
  return (
    <Alert
      type={one.state === "parked" ? "error" : "info"}
      showIcon
      title={
        <Space wrap>
          {one.subscriber}
          <StateTag kind="event-delivery" state={one.state} />
        </Space>
      }
      description={one.parked === undefined ? undefined : inLanguage(one.parked)}
      action={
        <Space orientation="vertical">
          <NotNow size="small" why={why(mayReplay)} onClick={() => void act("replay")}>
            {t("delivery.replay")}
          </NotNow>
          <NotNow size="small" danger why={why(mayResolve)} onClick={() => void act("resolve")}>
            {t("delivery.resolve")}
          </NotNow>
        </Space>
      }
    />
  );
}
