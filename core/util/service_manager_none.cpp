// For platforms whose service manager hears nothing from its services.
#include "core/util/service_manager.h"

namespace b2b {

ServiceEnvironment take_service_environment() {
  return {};
}

ServiceManager::ServiceManager(ServiceEnvironment const&, int) {}

void ServiceManager::ready() {}
void ServiceManager::status(std::string_view) {}
void ServiceManager::reloading(std::chrono::microseconds) {}
void ServiceManager::stopping() {}
void ServiceManager::watchdog() {}
void ServiceManager::extend_timeout(std::chrono::microseconds) {}
void ServiceManager::send(Kind, std::string_view) {}

}  // namespace b2b
