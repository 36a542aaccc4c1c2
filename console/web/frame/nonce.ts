/** The page's style nonce (pages-door.ts puts it into index.html for each request): the only styles beside our own files that the CSP lets in. */

/** "" where the page was served without one (vite's own server). */
export const styleNonce = (): string => document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";

/**
 * Gives the nonce to every style element that scripts make. antd's own styles ask for it (ConfigProvider csp); what its parts make besides (scroll lock, scroll bar
 * measure) does not, and would be refused.
 */
export function giveNonceToStyles(nonce: string): void {
  if (nonce === "") return;
  const make = document.createElement.bind(document);
  document.createElement = ((tag: string, options?: ElementCreationOptions) => {
    const element = make(tag, options);
    if (element instanceof HTMLStyleElement) element.nonce = nonce;
    return element;
  }) as typeof document.createElement;
}
