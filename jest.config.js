/** The tests are compiled by tsc like everything else; jest runs what it made. */
export default {
  roots: ['<rootDir>/dist/test'],
  testMatch: ['**/*.test.js'],
  testEnvironment: 'node',
  transform: {},
  // Jest's own choice is one less than there are processors, which of two leaves one.
  maxWorkers: '100%',
  // Several tests start the commands as processes.
  testTimeout: 60000,
};
