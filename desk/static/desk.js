// What every page of the desk does: keys, drafts, and the live connection.
import './keys.js';
import './drafts.js';
import {connect} from './live.js';

if (document.getElementById('puesto')) await import('./seat.js');
if (document.body.dataset.login) connect();
