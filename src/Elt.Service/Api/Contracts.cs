namespace Elt.Service.Api;
