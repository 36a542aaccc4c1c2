/** The two legs of a message, apart: was its sender answered, did the partners acknowledge. By sign and word, not by colour alone. */
import { CheckOutlined, ClockCircleOutlined, CloseOutlined, MinusOutlined, UserOutlined } from "@ant-design/icons";
import { Space, Tag } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Legs } from "../../../../domain/operations/views-inspect.ts";
import "./texts.ts";

type Look = readonly [color: string, icon: ReactNode];
const GOOD: Look = ["success", <CheckOutlined key="i" aria-hidden />];
const WAIT: Look = ["processing", <ClockCircleOutlined key="i" aria-hidden />];
const BAD: Look = ["error", <CloseOutlined key="i" aria-hidden />];
const NONE: Look = ["default", <MinusOutlined key="i" aria-hidden />];
const PERSON: Look = ["default", <UserOutlined key="i" aria-hidden />];

const SENDER: Readonly<Record<Legs["sender"], Look>> = { answered: GOOD, accepted: GOOD, refused: BAD, waiting: WAIT, "not-owed": NONE };
const PARTNER: Readonly<Record<Legs["partner"], Look>> = {
  "not-owed": NONE,
  acknowledged: GOOD,
  waiting: WAIT,
  parked: BAD,
  "by-hand": PERSON,
};

export function LegTags({ legs }: { readonly legs: Legs }) {
  const { t } = useTranslation("message");
  const [[senderColor, senderIcon], [partnerColor, partnerIcon]] = [SENDER[legs.sender], PARTNER[legs.partner]];
  const closed = legs.acknowledged + legs.resolved;
  const count = legs.owed > 1 ? ` ${closed}/${legs.owed}` : "";
  return (
    <Space size={[4, 4]} wrap>
      <Tag color={senderColor} icon={senderIcon} title={t("leg.sender")} data-leg={`sender-${legs.sender}`}>
        {t(`leg.sender.${legs.sender}`)}
      </Tag>
      <Tag color={partnerColor} icon={partnerIcon} title={t("leg.partner")} data-leg={`partner-${legs.partner}`}>
        {t(`leg.partner.${legs.partner}`)}
        {count}
      </Tag>
    </Space>
  );
}
