/** Two texts line by line: what is gone, what is new. By sign and word, not by colour alone. */
import { Empty, theme } from "antd";
import { useTranslation } from "react-i18next";
import "../pages/edits/texts.ts";

export interface DiffLine {
  readonly op: "same" | "removed" | "added";
  readonly text: string;
}
const SIGN = { same: " ", removed: "−", added: "+" } as const;

export function DiffLines({ lines, label }: { readonly lines: readonly DiffLine[]; readonly label: string }) {
  const { t } = useTranslation("edits");
  const { token } = theme.useToken();
  if (lines.length === 0) return <Empty />;
  const back = { same: "transparent", removed: token.colorErrorBg, added: token.colorSuccessBg } as const;
  const numbered = lines.map((line, index) => ({ ...line, key: `${index} ${line.op}` }));
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
      tabIndex={0}
      style={{ border: `1px solid ${token.colorBorder}`, borderRadius: token.borderRadius, maxHeight: 420, overflow: "auto" }}
    >
      {numbered.map(({ op, text, key }) => (
        <div
          key={key}
          style={{
            background: back[op],
            color: token.colorText,
            fontFamily: token.fontFamilyCode,
            fontSize: 12,
            whiteSpace: "pre-wrap",
            overflowWrap: "anywhere",
            padding: "0 8px",
          }}
        >
          <span aria-hidden>{SIGN[op]} </span>
          {op !== "same" && <span style={{ position: "absolute", width: 1, height: 1, overflow: "hidden" }}>{t(`diff.${op}`)}</span>}
          {text}
        </div>
      ))}
    </section>
  );
}
