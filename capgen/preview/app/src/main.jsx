// Draws the dashboard that the page carries: <script type="application/json" id="dashboard">.
import { createRoot } from 'react-dom/client';
import { createTheme, EventBusSrv, ThemeContext } from '@grafana/data';
import { GlobalStyles, PanelContextProvider } from '@grafana/ui';
import { Dashboard } from './dashboard.jsx';

const content = JSON.parse(document.getElementById('dashboard').textContent);
const theme = createTheme({ colors: { mode: content.theme } });
const context = {
  app: 'dashboard',
  eventBus: new EventBusSrv(),
  eventsScope: 'preview',
  sync: () => 0,
};

createRoot(document.getElementById('root'), {
  onUncaughtError: (error) => {
    document.body.dataset.state = 'failed';
    console.error(error);
  },
}).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <PanelContextProvider value={context}>
      <Dashboard content={content} theme={theme} />
    </PanelContextProvider>
  </ThemeContext.Provider>
);
