/** Numbers beside each other, each under its name: a name stays in one line, so that all numbers stand in one line too; what does not fit goes to the next. */
import { Flex, theme } from "antd";
import type { ReactNode } from "react";

export interface FigureOf {
  readonly title: string;
  readonly value: ReactNode;
  /** Smaller, beneath. */
  readonly under?: ReactNode;
}

export function Figures({ items }: { readonly items: readonly FigureOf[] }) {
  const { token } = theme.useToken();
  return (
    <Flex wrap gap={`${token.marginSM}px ${token.marginLG}px`} component="dl" style={{ margin: 0 }}>
      {items.map(({ title, value, under }) => (
        <Flex vertical key={title} gap={4} style={{ flex: "1 0 auto", minWidth: 72 }}>
          <dt style={{ color: token.colorTextSecondary, whiteSpace: "nowrap" }}>{title}</dt>
          <dd style={{ margin: 0, fontSize: 18, lineHeight: "28px", fontVariantNumeric: "tabular-nums" }}>{value}</dd>
          {under !== undefined && (
            <dd style={{ margin: 0, fontSize: token.fontSizeSM, color: token.colorTextSecondary, whiteSpace: "nowrap" }}>{under}</dd>
          )}
        </Flex>
      ))}
    </Flex>
  );
}
