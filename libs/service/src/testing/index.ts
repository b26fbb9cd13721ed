/** What tests of services need; no program uses it. */
export { TestCertificates } from './certificates.ts';
