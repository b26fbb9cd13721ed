import { planRewrite, rewriteAttributes, rewriteGrowth, type ExportTarget, type RouteSource } from '@calico-node/bgp';
import { OctetText } from './octet-text.ts';

/** Rewrites attribute lists that are strings of octets. */
export class Rewriter {
  readonly #in = new OctetText();
  readonly #out = new OctetText();
  #route: RouteSource | undefined;
  #plan: ReturnType<typeof planRewrite>;

  /** What the target gets of a plain list; undefined where that takes decoding it. */
  rewrite(text: string, route: RouteSource, target: ExportTarget): string | undefined {
    if (this.#route !== route) {
      this.#route = route;
      this.#plan = planRewrite(route, target);
    }
    if (this.#plan === undefined) return undefined;
    const end = this.#in.write(text);
    this.#out.reserve(end + rewriteGrowth);
    return this.#out.read(rewriteAttributes(this.#in.bytes, 0, end, this.#plan, this.#out.bytes));
  }
}
