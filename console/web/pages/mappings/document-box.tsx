/** The document as somebody works on it: tried, never saved here. */
import { Alert, Button, Card, Flex } from "antd";
import { type RefObject, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { MappingProblem } from "../../../../domain/operations/views-mappings.ts";
import { rangeOf } from "./places.ts";

/** After the last key. */
const SETTLE_MS = 400;
const LINE_PX = 18;

/** What was typed, once nobody has typed for a while. */
export function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

interface CardProps {
  readonly id: string;
  readonly stored: string;
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly box: RefObject<HTMLTextAreaElement | null>;
}

export function DocumentCard({ id, stored, text, onChange, box }: CardProps) {
  const { t } = useTranslation("mappings");
  const changed = text !== stored;
  return (
    <Card
      size="small"
      title={t("document")}
      extra={
        <Flex gap="small">
          <Button size="small" disabled={!changed} onClick={() => onChange(stored)}>
            {t("reset")}
          </Button>
          <Button size="small" onClick={() => void navigator.clipboard.writeText(text)}>
            {t("copy")}
          </Button>
        </Flex>
      }
    >
      {changed && <Alert type="warning" showIcon title={t("changed", { id })} style={{ marginBottom: 8 }} />}
      <DocumentBox text={text} onChange={onChange} box={box} />
    </Card>
  );
}

/** Selects in the document what a problem names, and brings it into view. */
export function select(box: RefObject<HTMLTextAreaElement | null>, text: string, { at, place }: MappingProblem): void {
  const range = rangeOf(text, at, place);
  if (range === undefined || box.current === null) return;
  box.current.focus();
  box.current.setSelectionRange(range.from, range.to);
  box.current.scrollTop = Math.max(0, (range.line - 4) * LINE_PX);
}

function DocumentBox({
  text,
  onChange,
  box,
}: {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly box: RefObject<HTMLTextAreaElement | null>;
}) {
  const { t } = useTranslation("mappings");
  return (
    <textarea
      ref={box}
      aria-label={t("document")}
      value={text}
      onChange={({ target }) => onChange(target.value)}
      spellCheck={false}
      wrap="off"
      className="ant-input"
      style={{
        width: "100%",
        height: 520,
        fontFamily: "monospace",
        fontSize: 12,
        lineHeight: `${LINE_PX}px`,
        resize: "vertical",
        padding: 8,
      }}
    />
  );
}
