import { Typography } from "antd";
import { useTranslation } from "react-i18next";

export interface CopyableProps {
  /** What is copied. Nothing is shown when absent. */
  readonly text: string | undefined;
  /** What is shown instead of all of it. */
  readonly shown?: string;
}

/** An id or a key in a fixed-width type, with a button that copies it. */
export function Copyable({ text, shown }: CopyableProps) {
  const { t } = useTranslation("parts");
  if (text === undefined) return null;
  return (
    <Typography.Text code title={text} copyable={{ text, tooltips: [t("copy.copy", { what: text }), t("copy.done")] }}>
      {shown ?? text}
    </Typography.Text>
  );
}
