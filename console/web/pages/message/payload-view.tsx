/** A payload as text that can be scrolled and copied. */
import { Skeleton, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { Payload } from "../../../../domain/operations/views-inspect.ts";
import { Problem } from "../../parts/problem.tsx";
import { linesOf } from "./compare.ts";
import { labelOf, type Shown, usePayload } from "./payloads.ts";

export function TextView({ text, label }: { readonly text: string; readonly label: string }) {
  const { token } = theme.useToken();
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
      tabIndex={0}
      style={{
        border: `1px solid ${token.colorBorder}`,
        borderRadius: token.borderRadius,
        background: token.colorFillQuaternary,
        color: token.colorText,
        fontFamily: token.fontFamilyCode,
        fontSize: 12,
        maxHeight: 360,
        overflow: "auto",
        padding: 8,
        whiteSpace: "pre-wrap",
        overflowWrap: "anywhere",
      }}
    >
      {text}
    </section>
  );
}

export function PayloadView({ shown, payload }: { readonly shown: Shown; readonly payload: Payload }) {
  const { t } = useTranslation("message");
  const { text, cut, loading, error } = usePayload(shown, payload);
  if (loading) return <Skeleton active paragraph={{ rows: 2 }} />;
  if (error !== undefined && error !== null) return <Problem error={error} />;
  if (text === undefined) return <Typography.Text type="secondary">{t("payload.none")}</Typography.Text>;
  return (
    <div>
      <Typography.Text strong>{labelOf(t, shown.detail, payload)}</Typography.Text>{" "}
      <Typography.Text copyable={{ text }} aria-label={t("parts:copy.copy", { what: "" })} />
      <TextView text={linesOf(text)} label={labelOf(t, shown.detail, payload)} />
      {cut && <Typography.Text type="secondary">{t("payload.cut")}</Typography.Text>}
    </div>
  );
}
