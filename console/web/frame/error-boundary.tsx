import { Button, Flex } from "antd";
import { Component, type ReactNode } from "react";
import { Translation } from "react-i18next";
import { Problem } from "../parts/problem.tsx";

interface Props {
  readonly children: ReactNode;
  /** Another page: what failed is forgotten. */
  readonly place: string;
}
interface State {
  readonly error?: unknown;
  readonly place: string;
}

/** A page that throws is told as what it is; the frame around it stays. */
export class ErrorBoundary extends Component<Props, State> {
  override state: State = { place: this.props.place };

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { error };
  }

  static getDerivedStateFromProps(props: Props, state: State): State | null {
    return props.place === state.place ? null : { place: props.place };
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children;
    return (
      <Flex vertical gap="middle" align="start">
        <Problem error={this.state.error} />
        <Button onClick={() => window.location.reload()}>
          <Translation ns="frame">{(t) => t("reload")}</Translation>
        </Button>
      </Flex>
    );
  }
}
