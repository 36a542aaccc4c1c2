/** The day as three lines, told apart by colour and by dashes. */
import { theme } from "antd";
import { useTranslation } from "react-i18next";
import { Legend, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { Trends } from "../../../../domain/live/views.ts";
import "./texts.ts";

const HEIGHT = 180;

export default function TrendChart({ trends }: { readonly trends: Trends }) {
  const { t } = useTranslation("now");
  const { token } = theme.useToken();
  const points = trends.points.map((point) => ({ ...point, time: point.at.slice(11, 16) }));
  const total = (of: "accepted" | "acknowledged" | "parked"): string =>
    trends.points.reduce((sum, point) => sum + point[of], 0).toLocaleString();
  const lines = [
    { key: "accepted", color: token.colorPrimary, dash: "0" },
    { key: "acknowledged", color: token.colorSuccess, dash: "6 3" },
    { key: "parked", color: token.colorError, dash: "2 3" },
  ] as const;
  return (
    <figure
      aria-label={t("trend.describe", { accepted: total("accepted"), acknowledged: total("acknowledged"), parked: total("parked") })}
      style={{ margin: 0 }}
    >
      <ResponsiveContainer width="100%" height={HEIGHT}>
        <LineChart data={points} margin={{ top: 4, right: 12, bottom: 0, left: 0 }} accessibilityLayer={false}>
          <XAxis dataKey="time" stroke={token.colorTextSecondary} fontSize={12} minTickGap={40} />
          <YAxis stroke={token.colorTextSecondary} fontSize={12} width={48} allowDecimals={false} />
          <Tooltip
            contentStyle={{ background: token.colorBgElevated, borderColor: token.colorBorder, color: token.colorText }}
            labelStyle={{ color: token.colorText }}
          />
          <Legend />
          {lines.map(({ key, color, dash }) => (
            <Line
              key={key}
              dataKey={key}
              name={`${t(`trend.${key}`)} (${t("trend.total", { n: total(key) })})`}
              stroke={color}
              strokeDasharray={dash}
              strokeWidth={2}
              dot={false}
              isAnimationActive={false}
            />
          ))}
        </LineChart>
      </ResponsiveContainer>
    </figure>
  );
}
