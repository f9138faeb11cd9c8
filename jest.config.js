/** The tests are compiled by tsc like everything else; jest runs what it made. */
export default {
  roots: ['<rootDir>/dist/test'],
  testMatch: ['**/*.test.js'],
  testEnvironment: 'node',
  transform: {},
  // Several tests start the commands as processes.
  testTimeout: 60000,
};
