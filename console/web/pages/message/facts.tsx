/** Short facts beside each other, as many in a line as fit; those that are not known are left out. */
import { Flex, theme } from "antd";
import type { ReactNode } from "react";

export interface Fact {
  readonly key: string;
  readonly label: string;
  readonly children: ReactNode;
}

export function Facts({ items }: { readonly items: readonly Fact[] }) {
  const { token } = theme.useToken();
  return (
    <Flex wrap gap="4px 24px" component="dl" style={{ margin: 0 }}>
      {items
        .filter(({ children }) => children !== undefined)
        .map(({ key, label, children }) => (
          <Flex key={key} gap={8} align="baseline" style={{ maxWidth: "100%" }}>
            <dt style={{ color: token.colorTextSecondary, whiteSpace: "nowrap" }}>{label}</dt>
            <dd style={{ margin: 0, overflowWrap: "anywhere" }}>{children}</dd>
          </Flex>
        ))}
    </Flex>
  );
}
