import { Button, type ButtonProps, Tooltip } from "antd";

export interface NotNowProps extends Omit<ButtonProps, "disabled" | "title"> {
  /** Why it cannot be done now, in words; undefined: it can. */
  readonly why: string | undefined;
}

/** A button that says why it cannot be pressed. It stays reachable by keyboard, so that the reason can be read there too. */
export function NotNow({ why, onClick, ...props }: NotNowProps) {
  if (why === undefined) return <Button {...props} {...(onClick === undefined ? {} : { onClick })} />;
  return (
    <Tooltip title={why} trigger={["hover", "focus"]}>
      <span>
        <Button {...props} aria-disabled="true" aria-description={why} style={{ opacity: 0.55, cursor: "not-allowed", ...props.style }} />
      </span>
    </Tooltip>
  );
}
