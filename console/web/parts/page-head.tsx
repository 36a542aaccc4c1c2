import { Flex, Typography } from "antd";
import { type ReactNode, useEffect } from "react";

export interface PageHeadProps {
  readonly title: string;
  /** Buttons and filters at the right. */
  readonly extra?: ReactNode;
}

/** A page's heading (its only h1) and its title in the browser. */
export function PageHead({ title, extra }: PageHeadProps) {
  useEffect(() => {
    document.title = `${title} · 汇流 Huiliu`;
  }, [title]);
  return (
    <Flex justify="space-between" align="center" wrap gap="small" style={{ marginBottom: 16 }}>
      <Typography.Title level={1} style={{ fontSize: 20, margin: 0 }}>
        {title}
      </Typography.Title>
      {extra !== undefined && (
        <Flex wrap gap="small" align="center">
          {extra}
        </Flex>
      )}
    </Flex>
  );
}
