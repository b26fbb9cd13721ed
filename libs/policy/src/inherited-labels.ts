import type { Labels } from '@calico-node/selector';
import type { PolicyWorld } from './world.ts';

/** Own labels, and behind them those of the profiles, the first that has one. */
export function effectiveLabels(
  world: PolicyWorld,
  { labels, profiles }: { readonly labels: Labels; readonly profiles: readonly string[] },
): Labels {
  if (profiles.length === 0) return labels;
  return {
    get: (name) => {
      const own = labels.get(name);
      if (own !== undefined) return own;
      for (const profile of profiles) {
        const given = world.profile(profile)?.spec.labelsToApply;
        if (given !== undefined && Object.hasOwn(given, name)) return given[name];
      }
      return undefined;
    },
  };
}
