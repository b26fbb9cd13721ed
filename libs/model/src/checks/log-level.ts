import { matches } from './names.ts';

export const logLevel = matches(
  /^(?:trace|debug|info|warning|error|fatal)$/i,
  'must be one of Trace, Debug, Info, Warning, Error, Fatal',
);
