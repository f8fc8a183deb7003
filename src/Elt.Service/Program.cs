using System.CommandLine;
using Elt.Service.Demo;
using Elt.Service.Hosting;

var root = new RootCommand("Runs durable ELT pipelines: the service with its API. Logs go to stderr; the first line on stdout is the address.")
{
    DemoProviderCommand.Create(),
    DemoCommand.Create(),
};
var service = new ServiceCommand(root);
root.SetAction(async (parsed, ct) =>
{
    await ServiceHost.RunAsync(service.Read(parsed), ct);
    return 0;
});
return await CommandLine.RunAsync(root, args);
