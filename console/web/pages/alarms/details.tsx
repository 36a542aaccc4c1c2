import { Flex, Tag } from "antd";
import { useTranslation } from "react-i18next";
import type { AlarmView } from "../../../../domain/operations/views-alarms.ts";
import { Age } from "../../parts/moment.tsx";
import "./texts.ts";

/** Ids are shown where they lead somewhere. */
const HIDDEN = new Set(["firstMessage"]);

/** An alarm's numbers, named; seconds as an age. `without`: what stands beside them already, as it is now. */
export function AlarmNumbers({
  alarm,
  without = [],
}: {
  readonly alarm: Pick<AlarmView, "details">;
  readonly without?: readonly string[];
}) {
  const { t } = useTranslation("alarms");
  const shown = Object.entries(alarm.details).filter(([name]) => !HIDDEN.has(name) && !without.includes(name));
  return (
    <Flex gap={4} wrap>
      {shown.map(([name, value]) => (
        <Tag key={name}>
          {t(`detail.${name}`, { defaultValue: name })} {name.endsWith("Seconds") ? <Age ms={Number(value) * 1_000} /> : String(value)}
        </Tag>
      ))}
    </Flex>
  );
}
