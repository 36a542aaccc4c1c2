/** Every deed needs a reason: one dialog asks for it, everywhere. */
import { Form, Input, Modal } from "antd";
import { createContext, type ReactNode, useCallback, useContext, useState } from "react";
import { useTranslation } from "react-i18next";

export const REASON_MIN = 5;
export const REASON_MAX = 500;

export interface AskReasonOptions {
  readonly title: string;
  /** The button is red: what is done cannot be taken back. */
  readonly danger?: boolean;
  /** What the button says. */
  readonly confirm?: string;
  /**
   * Shown above the reason: what will happen, and further inputs. They are drawn once, so they keep their own state and tell it by
   * `onChange` to a variable (or ref) of whoever asks.
   */
  readonly fields?: ReactNode;
}

/** The reason, trimmed; undefined when the person thought better of it. */
export type AskReason = (options: AskReasonOptions) => Promise<string | undefined>;

const Asking = createContext<AskReason | undefined>(undefined);

interface Open extends AskReasonOptions {
  readonly answer: (reason: string | undefined) => void;
}

/** Around all pages. */
export function AskReasonProvider({ children }: { readonly children: ReactNode }) {
  const { t } = useTranslation("parts");
  const [open, setOpen] = useState<Open>();
  const [shown, setShown] = useState(false);
  const [form] = Form.useForm<{ reason: string }>();

  const ask = useCallback<AskReason>(
    (options) =>
      new Promise((answer) => {
        setOpen((before) => {
          before?.answer(undefined);
          return { ...options, answer };
        });
        setShown(true);
      }),
    [],
  );
  const close = (reason: string | undefined): void => {
    open?.answer(reason);
    setShown(false);
  };

  return (
    <Asking.Provider value={ask}>
      {children}
      <Modal
        open={shown}
        title={open?.title}
        okText={open?.confirm ?? t("ask.confirm")}
        cancelText={t("ask.cancel")}
        okButtonProps={{ danger: open?.danger === true, htmlType: "submit" }}
        onOk={() => form.submit()}
        onCancel={() => close(undefined)}
        destroyOnHidden
        afterClose={() => setOpen(undefined)}
      >
        {open?.fields}
        <Form form={form} layout="vertical" preserve={false} onFinish={({ reason }) => close(reason.trim())}>
          <Form.Item
            name="reason"
            label={t("ask.reason")}
            extra={t("ask.reason.help")}
            rules={[{ required: true, whitespace: true, min: REASON_MIN, max: REASON_MAX, message: t("ask.reason.help") }]}
          >
            <Input.TextArea rows={3} maxLength={REASON_MAX} showCount autoFocus />
          </Form.Item>
        </Form>
      </Modal>
    </Asking.Provider>
  );
}

/** Asks for a reason; see AskReasonOptions. */
export function useAskReason(): AskReason {
  const ask = useContext(Asking);
  if (!ask) throw new Error("useAskReason outside AskReasonProvider");
  return ask;
}
