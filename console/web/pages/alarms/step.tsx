/** What to do about an alarm: in words, with a button to each page where it is done, and the command as the second way. */
import { Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { AlarmView } from "../../../../domain/operations/views-alarms.ts";
import { useMe } from "../../api/me.ts";
import { LinkButton } from "../../parts/link-button.tsx";
import { colon } from "../../texts/colon.ts";
import { inLanguage } from "../../texts/index.ts";
import { placesOf } from "./places.ts";
import { stepOf } from "./steps.ts";
import "./texts.ts";

export interface AlarmProps {
  readonly alarm: AlarmView;
}

/** Buttons to the pages that one may open, the likeliest first. */
export function AlarmPlaces({ alarm }: AlarmProps) {
  const { t } = useTranslation("alarms");
  const { rights } = useMe();
  return placesOf(alarm)
    .filter(({ right = "look" }) => rights.includes(right))
    .map(({ text, to }, index) => (
      <LinkButton key={to} size="small" type={index === 0 ? "primary" : "default"} to={to}>
        {t(text)}
      </LinkButton>
    ));
}

export function AlarmStep({ alarm }: AlarmProps) {
  const { t } = useTranslation("alarms");
  const { command, ...words } = stepOf(alarm);
  return (
    <Flex vertical gap={6}>
      <div>
        <strong>{t("next")}</strong>
        {colon()}
        {inLanguage(words)}
      </div>
      <Flex gap="small" wrap align="center">
        <AlarmPlaces alarm={alarm} />
        <Link to={`/alarms?kind=${alarm.kind}&id=${alarm.id}`}>{t("runbook")}</Link>
        {command !== undefined && (
          <Typography.Text type="secondary">
            {t("command")}
            {colon()}
            <Typography.Text code>{command}</Typography.Text>
          </Typography.Text>
        )}
      </Flex>
    </Flex>
  );
}
