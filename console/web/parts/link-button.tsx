import { Button, type ButtonProps } from "antd";
import type { MouseEvent } from "react";
import { useHref, useLinkClickHandler } from "react-router";

export interface LinkButtonProps extends Omit<ButtonProps, "href" | "onClick" | "htmlType"> {
  /** A path of this console. */
  readonly to: string;
}

/** A link that looks like the button it is meant as: opens in another tab as every link does. */
export function LinkButton({ to, ...props }: LinkButtonProps) {
  const follow = useLinkClickHandler<HTMLAnchorElement>(to);
  return <Button {...props} href={useHref(to)} onClick={(event) => follow(event as MouseEvent<HTMLAnchorElement>)} />;
}
