import { Card, Flex, Typography, theme } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { AgeSince } from "../../parts/moment.tsx";
import { Fen } from "../../parts/money.tsx";
import type { Figures } from "./model.ts";
import "./texts.ts";

interface FigureProps {
  readonly label: string;
  readonly value: ReactNode;
  readonly more?: ReactNode;
  readonly to: string;
  /** Not as it should be. */
  readonly bad: boolean;
}

function Figure({ label, value, more, to, bad }: FigureProps) {
  const { token } = theme.useToken();
  return (
    <Card size="small" style={{ flex: "1 1 150px" }}>
      <Flex vertical>
        <Link to={to}>{label}</Link>
        <span
          style={{
            fontSize: token.fontSizeHeading3,
            fontVariantNumeric: "tabular-nums",
            color: bad ? token.colorErrorText : token.colorText,
            fontWeight: bad ? token.fontWeightStrong : "normal",
          }}
        >
          {value}
        </span>
        <Typography.Text type="secondary">{more ?? " "}</Typography.Text>
      </Flex>
    </Card>
  );
}

export function KeyFigures({ figures, messages }: { readonly figures: Figures; readonly messages: number | undefined }) {
  const { t } = useTranslation("now");
  const { waiting, fen, parked, unclear, blocked, oldestOwedAt, oldestOf } = figures;
  return (
    <Flex gap="small" wrap>
      <Figure label={t("figure.waiting")} value={waiting.toLocaleString()} more={<Fen value={fen} />} to="/destinations" bad={false} />
      <Figure
        label={t("figure.oldest")}
        value={oldestOwedAt === undefined ? t("figure.none") : <AgeSince at={oldestOwedAt} />}
        more={oldestOf}
        to={oldestOf === undefined ? "/destinations" : `/destinations/${encodeURIComponent(oldestOf)}`}
        bad={false}
      />
      <Figure label={t("figure.parked")} value={parked.toLocaleString()} to="/failures" bad={parked > 0} />
      <Figure label={t("figure.unclear")} value={unclear.toLocaleString()} to="/failures" bad={unclear > 0} />
      <Figure label={t("figure.blocked")} value={blocked.toLocaleString()} to="/destinations?tab=lanes" bad={blocked > 0} />
      {messages !== undefined && (
        <Figure label={t("figure.messages")} value={messages.toLocaleString()} to="/search?state=received&span=all" bad={false} />
      )}
    </Flex>
  );
}
